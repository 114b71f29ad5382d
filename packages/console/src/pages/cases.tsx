export function Cases() { return null; } export function CasePage() { return null; }

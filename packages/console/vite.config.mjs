/**
 * Builds the console: static files that any server can give out under a policy without inline script, inline style or eval.
 *
 * The same sources give the same bytes: names come from content alone, and nothing here knows the time or the machine.
 */

import tailwindcss from "@tailwindcss/vite";
import { themeCss } from "@cortexpilot/frontend-shared";
import { defineConfig } from "vite";

import { record } from "./tools/record.mjs";

/** The colours of the states, as `frontend-shared` has them: one table for every screen, tested there for contrast. */
function stateColours() {
  const id = "virtual:state-colours.css";
  return {
    name: "state-colours",
    resolveId: (asked) => (asked === id ? `\0${id}` : undefined),
    load: (asked) => (asked === `\0${id}` ? themeCss() : undefined),
  };
}

/**
 * What belongs to the control plane, while `npm run dev -w console` serves the sources: passed on to the one that CORTEXPILOT_DEV_BACKEND
 * names, as if the page came from there. For work on pages alone: the policy that the binary sends is not in force here.
 */
function proxied() {
  const backend = process.env.CORTEXPILOT_DEV_BACKEND ?? "http://127.0.0.1:8000";
  const target = { target: backend, changeOrigin: true, headers: { origin: new URL(backend).origin } };
  return { host: "127.0.0.1", proxy: { "/api": target, "/health": target, "/readyz": target } };
}

export default defineConfig(({ command }) => ({
  plugins: [stateColours(), tailwindcss(), record()],
  // One origin serves console and control plane, at its root.
  base: "/",
  ...(command === "serve" ? { server: proxied() } : {}),
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    // No `data:` addresses: the policy allows files of this origin alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    // What is given out carries others' work: their licences go with it.
    license: { fileName: "licenses.md" },
    chunkSizeWarningLimit: 400,
    rolldownOptions: {
      // Marks of server components, which mean nothing here.
      onLog: (level, log, next) => (log.code === "MODULE_LEVEL_DIRECTIVE" ? undefined : next(level, log)),
      output: {
        // Flat and plain, so that whoever embeds them needs no rule but "a file of this directory".
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
        codeSplitting: {
          groups: [{ name: "framework", test: /node_modules\/(react|react-dom|scheduler|@tanstack)\// }],
        },
      },
    },
  },
}));

/**
 * Contact sheets of the pictures that the tests make, for people to look at:
 *
 *     CORTEXPILOT_SHOTS=DIR node tools/test.mjs --binary PATH --only pages
 *     node tools/sheets.mjs DIR OUT
 *
 * One sheet for each of ordinary and hostile data, light and dark, 320, 1024 and 1440 pixels. What is looked at is in the pictures; that
 * nothing overflows and nothing scrolls sideways is what the tests judge.
 */

import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { chromium } from "playwright-core";

const [, , from, to] = process.argv;
if (from === undefined || to === undefined) {
  console.log("usage: node tools/sheets.mjs DIR OUT");
  process.exit(2);
}
const sheets = new Map();
for (const file of (await readdir(from)).sort()) {
  const found = /^(hostile-)?(.+)-(light|dark)-(\d+)\.png$/.exec(file);
  if (found === null) continue;
  const name = `${found[1] === undefined ? "ordinary" : "hostile"}-${found[3]}-${found[4]}`;
  sheets.set(name, [...(sheets.get(name) ?? []), { page: found[2], file, width: Number(found[4]) }]);
}
await mkdir(to, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CORTEXPILOT_TEST_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const [name, pictures] of sheets) {
    const wide = pictures[0].width === 320 ? 160 : 360;
    const page = await browser.newPage({ viewport: { width: 12 * 170, height: 800 } });
    const cells = await Promise.all(
      pictures.map(async ({ page: title, file }) => {
        const bytes = (await readFile(join(from, file))).toString("base64");
        return `<figure><figcaption>${title}</figcaption><div><img src="data:image/png;base64,${bytes}"></div></figure>`;
      }),
    );
    await page.setContent(`<style>
      body { margin: 12px; background: #777; font: 12px sans-serif; color: #fff; display: flex; flex-wrap: wrap; gap: 12px; }
      figure { margin: 0; width: ${wide}px } div { height: ${wide === 160 ? 420 : 300}px; overflow: hidden; background: #555 } img { width: 100%; display: block }
    </style>${cells.join("")}`);
    await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode())));
    const path = join(to, `${name}.jpg`);
    await page.screenshot({ path, fullPage: true, type: "jpeg", quality: 70 });
    console.log(`${path}  ${pictures.length} pages`);
    await page.close();
  }
} finally {
  await browser.close();
}

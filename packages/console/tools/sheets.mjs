/** Contact sheets of the pictures that the tests make: one for each width, theme and kind of data. */

import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { chromium } from "playwright-core";

/** For each width of the page: how wide and how high a picture stands on its sheet, and how many stand in a row. */
const CELLS = { 320: { wide: 160, high: 340, row: 8 }, 1024: { wide: 440, high: 380, row: 3 }, 1440: { wide: 640, high: 420, row: 2 } };

/** How many sheets there are: ordinary and hostile, light and dark, at each width. */
export const SHEETS = 2 * 2 * Object.keys(CELLS).length;

/** Makes them of the pictures in `from`. Says how many were made, and how many bytes they have. */
export async function makeSheets(from, to) {
  const bySheet = new Map();
  for (const file of (await readdir(from)).sort()) {
    const found = /^(hostile-)?(.+)-(light|dark)-(320|1024|1440)\.png$/.exec(file);
    if (found === null) continue;
    const [, hostile, title, theme, width] = found;
    const name = `${hostile === undefined ? "ordinary" : "hostile"}-${theme}-${width}`;
    bySheet.set(name, [...(bySheet.get(name) ?? []), { title, path: join(from, file), width: Number(width) }]);
  }
  await mkdir(to, { recursive: true });
  let bytes = 0;
  const browser = await chromium.launch({ executablePath: process.env.CORTEXPILOT_TEST_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    for (const [name, pictures] of bySheet) {
      const picture = await sheet(browser, pictures);
      bytes += picture.length;
      await writeFile(join(to, `${name}.webp`), picture);
      console.log(`${name}.webp  ${pictures.length} pages, ${picture.length} bytes`);
    }
  } finally {
    await browser.close();
  }
  return { made: bySheet.size, bytes };
}

/** One sheet, as WebP: chromium itself draws and packs it. */
async function sheet(browser, pictures) {
  const { wide, high, row } = CELLS[pictures[0].width];
  const page = await browser.newPage({ viewport: { width: row * (wide + 8) + 8, height: 600 } });
  try {
    const cells = await Promise.all(
      pictures.map(async ({ title, path }) => {
        const data = (await readFile(path)).toString("base64");
        return `<figure><figcaption>${title}</figcaption><div><img src="data:image/png;base64,${data}"></div></figure>`;
      }),
    );
    await page.setContent(`<style>
      body { margin: 8px; background: #777; font: 11px sans-serif; color: #fff; display: flex; flex-wrap: wrap; gap: 8px; }
      figure { margin: 0; width: ${wide}px } div { height: ${high}px; overflow: hidden; background: #666 } img { width: 100%; display: block }
    </style>${cells.join("")}`);
    await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode())));
    const size = await page.evaluate(() => ({ width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight }));
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 55, captureBeyondViewport: true, clip: { x: 0, y: 0, ...size, scale: 1 } });
    return Buffer.from(data, "base64");
  } finally {
    await page.close();
  }
}

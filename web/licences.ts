/** Writes the licences of the packages that run in the browser. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

interface Package {
  name: string;
  version: string;
  license: string;
  dependencies?: Record<string, string>;
}

const found = new Map<string, string>();

function collect(names: string[]): void {
  for (const name of names) {
    if (found.has(name)) continue;
    const folder = `node_modules/${name}`;
    const described = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Package;
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    if (!file || !existsSync(`${folder}/${file}`)) throw new Error(`${name} has no licence file`);
    const text = readFileSync(`${folder}/${file}`, "utf8").trim();
    found.set(name, `${name} ${described.version} (${described.license})\n\n${text}\n`);
    collect(Object.keys(described.dependencies ?? {}));
  }
}

const own = JSON.parse(readFileSync("package.json", "utf8")) as Package;
collect(Object.keys(own.dependencies ?? {}));
const sorted = [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1));
writeFileSync(
  "public/console/licences.txt",
  sorted.map(([, text]) => text).join(`\n${"-".repeat(72)}\n\n`),
);

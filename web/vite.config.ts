import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const page = (name: string) => fileURLToPath(new URL(`${name}/index.html`, import.meta.url));

// The Content-Security-Policy allows files of this server only: nothing may be inlined.
export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../interface/web/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rollupOptions: { input: { console: page("console") } },
  },
  server: { proxy: { "^/(?!console/|src/|node_modules/|@)": "http://127.0.0.1:8000" } },
});

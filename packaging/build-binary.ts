// `bun run build:binary`: makes dist/realmgate, one file that needs nothing else: the runtime, the bundle and its assets.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Glob } from "bun";
import { bundleServer } from "./build.ts";

const root = join(import.meta.dir, "..");

async function buildBinary(outfile: string): Promise<void> {
  const stage = await mkdtemp(join(tmpdir(), "realmgate-binary-"));
  try {
    await bundleServer(stage);
    const isCode = /^[^/]+\.js$/;
    const assets = [...new Glob("**/*").scanSync({ cwd: stage })].filter(
      (file) => !isCode.test(file),
    );
    const filter = new RegExp(`^${RegExp.escape(stage)}/.+/`);
    await Bun.build({
      entrypoints: [...["main.js", "log-worker.js"], ...assets].map((file) => join(stage, file)),
      root: stage,
      target: "bun",
      // A script among the assets is code, too, which must not take its name.
      naming: { entry: "[dir]/[name].code.[ext]", asset: "[dir]/[name].[ext]" },
      compile: { outfile },
      plugins: [
        {
          name: "assets",
          setup(build) {
            build.onLoad({ filter }, async ({ path }) => ({
              contents: await Bun.file(path).bytes(),
              loader: "file",
            }));
          },
        },
      ],
    });
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

if (import.meta.main) await buildBinary(resolve(process.argv[2] ?? join(root, "dist/realmgate")));

// Compares the contract in the working tree with the last release's (`buf breaking`): the last tag in this history, or, before
// there is one, the commit where this branch left main. Exit code 0: compatible, or nothing to compare with (said on stderr).
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "bun";

const root = resolve(import.meta.dir, "..");
const googleProtos = "node_modules/google-proto-files/google";

/** The commit to compare with, as a name and an id; null when the history has none. */
async function baseline(): Promise<{ readonly name: string; readonly commit: string } | null> {
  const git = async (...words: string[]) => {
    const { exitCode, stdout } = await $`git ${words}`.cwd(root).quiet().nothrow();
    return exitCode === 0 ? stdout.toString().trim() : null;
  };
  const tag = await git("describe", "--tags", "--abbrev=0");
  if (tag !== null) return { name: tag, commit: tag };
  for (const main of ["main", "origin/main"]) {
    const commit = await git("merge-base", "HEAD", main);
    if (commit !== null) return { name: `where this branch left ${main}`, commit };
  }
  return null;
}

const base = await baseline();
if (base === null) {
  console.warn(
    "SKIPPED: buf breaking has nothing to compare with: no tag and no main in this clone",
  );
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), "realmgate-contract-"));
try {
  await $`git archive ${base.commit} proto buf.yaml | tar -x -C ${folder}`.cwd(root).quiet();
  // Imported by the contract, installed with the packages, and not what is compared.
  for (const imported of ["api", "rpc"]) {
    cpSync(join(root, googleProtos, imported), join(folder, googleProtos, imported), {
      recursive: true,
    });
  }
  const { exitCode } = await $`node_modules/.bin/buf breaking --against ${folder}`
    .cwd(root)
    .nothrow();
  if (exitCode === 0) console.log(`buf breaking: compatible with ${base.name}`);
  else console.error(`buf breaking: not compatible with ${base.name}`);
  process.exitCode = exitCode;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// `bun load/guard.ts`: what a decision and a proxied request cost in this checkout and in the last landed commit, by turns on this
// machine. Prints the medians of paired ratios and fails when one is beyond
// 1.15, also in a second measurement. The commit is GUARD_BASE; unset, `origin/main`
// where that is another commit than HEAD, else the parent of HEAD. Without any the comparison is left out, and that is said.
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Compared, median } from "./guard/compared.ts";
import { decisionRatios } from "./guard/decision.ts";
import { requestRatios } from "./guard/request-path.ts";

const WORST_RATIO = 1.15;
const root = resolve(import.meta.dir, "..");

function git(...args: readonly string[]): string | null {
  const { exitCode, stdout } = Bun.spawnSync(["git", "-C", root, ...args], { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : null;
}

function baseCommit(): string | null {
  const wanted = process.env.GUARD_BASE;
  if (wanted !== undefined && wanted !== "") {
    const commit = git("rev-parse", "--verify", "--quiet", `${wanted}^{commit}`);
    if (commit === null) throw new Error(`GUARD_BASE is no commit here: ${wanted}`);
    return commit;
  }
  const head = git("rev-parse", "--verify", "--quiet", "HEAD");
  const landed = git("rev-parse", "--verify", "--quiet", "origin/main^{commit}");
  if (landed !== null && landed !== head) return landed;
  return git("rev-parse", "--verify", "--quiet", "HEAD~1^{commit}");
}

/** Its files with the dependencies that its lock file names. */
function checkOut(commit: string, folder: string): void {
  const files = Bun.spawnSync([
    "sh",
    "-c",
    'git -C "$1" archive "$2" | tar -x -C "$3"',
    "sh",
    root,
    commit,
    folder,
  ]);
  if (files.exitCode !== 0 || !existsSync(join(folder, "package.json"))) {
    throw new Error(`cannot check out ${commit}: ${files.stderr}`);
  }
  const lock = (of: string) => readFileSync(join(of, "bun.lock"), "utf8");
  if (lock(folder) === lock(root)) {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    return;
  }
  const installed = Bun.spawnSync([process.execPath, "install", "--frozen-lockfile"], {
    cwd: folder,
  });
  if (installed.exitCode !== 0)
    throw new Error(`cannot install for ${commit}: ${installed.stderr}`);
}

/** Not a number is worse, too. */
const isWorse = ({ ratios }: Compared) => !(median(ratios) <= WORST_RATIO);

/** The pairs of two measurements of the same lines. */
function together(first: readonly Compared[], second: readonly Compared[]): Compared[] {
  return first.map(({ name, ratios }) => ({
    name,
    ratios: [...ratios, ...(second.find((each) => each.name === name)?.ratios ?? [])],
  }));
}

async function main(commit: string, folder: string): Promise<boolean> {
  checkOut(commit, folder);
  console.log(
    `this checkout beside ${commit.slice(0, 10)}: medians of paired ratios, at most ${WORST_RATIO}`,
  );
  const compare = async () => [
    ...(await decisionRatios(root, folder)),
    ...(await requestRatios(root, folder)),
  ];
  let compared = await compare();
  if (compared.some(isWorse)) {
    console.log("worse at first sight; measured a second time, the medians are of both");
    compared = together(compared, await compare());
  }
  for (const each of compared) {
    const { name, ratios } = each;
    const pairs = ratios.map((ratio) => ratio.toFixed(2)).join(" ");
    console.log(
      `${median(ratios).toFixed(3)}${isWorse(each) ? "  WORSE" : ""}  ${name} (${pairs})`,
    );
  }
  return !compared.some(isWorse);
}

const commit = baseCommit();
if (commit === null) {
  console.error("NOTE: no landed commit to compare with; what a request costs was NOT compared");
} else {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-guard-"));
  try {
    process.exitCode = (await main(commit, folder)) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
process.exit();

// The processes of a load run: each is started here, counted with its children, and ended by its own id.
import { readdirSync, readFileSync } from "node:fs";
import type { Subprocess } from "bun";
import { accepts } from "../../test/harness/free-port.ts";
import { cpuUs } from "../process-cpu.ts";

const STARTED_WITHIN_MS = 5_000;

export interface Started extends AsyncDisposable {
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
}

/** Starts a server and waits until it accepts connections on `port`; throws with what it wrote when it does not. */
export async function startServer(command: readonly string[], port: number): Promise<Started> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: process.env.PATH, HOME: process.env.HOME, GOMAXPROCS: "1" },
  });
  const written = new Response(child.stderr).text();
  const untilMs = performance.now() + STARTED_WITHIN_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > untilMs) {
      await end(child);
      throw new Error(`${command.join(" ")} did not start:\n${await written}`);
    }
    await Bun.sleep(20);
  }
  return {
    pid: child.pid,
    signal: (name) => child.kill(name),
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** By SIGTERM, so that a master ends its workers; by SIGKILL when that is not heard within two seconds. */
async function end(child: Subprocess): Promise<void> {
  const children = family(child.pid);
  child.kill("SIGTERM");
  const isOver = await Promise.race([child.exited.then(() => true), Bun.sleep(2_000)]);
  if (isOver === true) return;
  for (const pid of children) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  await child.exited;
}

/** A process and all its descendants, such as the workers of nginx. */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = parentOf(entry);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const all = [pid];
  for (const each of all) all.push(...(children.get(each) ?? []));
  return all;
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}

/** CPU time so far of all the processes, in microseconds. Resolution: 10 ms each. */
export function cpuUsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuUs(pid), 0);
}

/** Resident memory in MiB: of the largest process all, of the others what is theirs alone. */
export function memoryMib(pids: readonly number[]): number {
  const sizes = pids.map((pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const kib = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]);
    return { all: kib("Rss"), own: kib("Private_Clean") + kib("Private_Dirty") };
  });
  const [largest, ...others] = sizes.toSorted((one, other) => other.all - one.all);
  return others.reduce((sum, { own }) => sum + own, largest?.all ?? 0) / 1024;
}

/** Its version as it says it, or null when it is not installed. */
export function versionOf(...command: readonly string[]): string | null {
  if (Bun.which(command[0] ?? "") === null) return null;
  const { stdout, stderr } = Bun.spawnSync([...command]);
  return `${stdout}${stderr}`.trim().split("\n")[0] ?? "";
}

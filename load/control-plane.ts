// How long calls of the API hold up the event loop that the data plane shares: `bun load/control-plane.ts`.
//   SECONDS=4 bun load/control-plane.ts
// The server runs in this process and looks how late a timer of 1 ms is; what loads it runs in a process of its own.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../src/config/config.ts";
import { serve } from "../src/roles/serve.ts";
import { type Api, loginAdmin, makePlace } from "../test/harness/client.ts";
import { adminPassword, type Urls } from "../test/harness/program.ts";

const SECONDS = Number(process.env.SECONDS ?? 4);
/** Calls of one load that are under way at a time. */
const WIDTH = 4;

const many = (count: number, of: (n: number) => unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`g${n}`, of(n)]));

/** Some 118 KB: 1,000 groups and 20,000 places where instances begin or end. */
const worst = {
  default: "deny",
  groups: many(1000, (n) => ({ type: "token", value: `t${n}`, header: "x" })),
  permissions: many(1000, (n) => ({
    http: Array.from({ length: 10 }, (_, k) => n + 1 + k * 1000),
  })),
};

type Load = (api: Api, place: Ids, n: number) => Promise<{ readonly status: number }>;

interface Ids {
  readonly projectId: string;
  readonly containerId: string;
}

async function put(api: Api, path: string, dryRun: boolean) {
  const { body } = await api.call("GET", path);
  const ifMatch = `file:v${body.data.file_version ?? 0}`;
  const query = dryRun ? "?validate_only=true" : "";
  return api.call("PUT", `${path}${query}`, { body: worst, headers: { "if-match": ifMatch } });
}

const loads: Record<string, Load> = {
  nothing: async () => {
    await Bun.sleep(20);
    return { status: 0 };
  },
  "PUT of a container": (api, { containerId }) =>
    put(api, `/containers/${containerId}/proxy/permissions`, false),
  "PUT of a project": (api, { projectId }) =>
    put(api, `/projects/${projectId}/proxy/permissions`, false),
  "dry run": (api, { containerId }) =>
    put(api, `/containers/${containerId}/proxy/permissions`, true),
  explain: (api, { containerId }) =>
    api.call("POST", `/containers/${containerId}/proxy/explain`, {
      body: { program: "http", instance: 8080, ip: "203.0.113.9" },
    }),
  "access matrix": (api, { containerId }) =>
    api.call("GET", `/containers/${containerId}/proxy/access`),
  "list of tokens": (api) => api.call("GET", "/auth/tokens"),
  login: (api, _ids, n) =>
    api.call("POST", "/users/auth/login", {
      body: { username: n % 2 === 0 ? "admin" : `user-${n}`, password: adminPassword },
    }),
};

/** What the child can do. */
export const LOADS: readonly string[] = Object.keys(loads);

/** The child: loads until its time is over, and prints how often each status was answered. */
async function load(name: string, urls: Urls, place: Ids): Promise<void> {
  const api = await loginAdmin(urls);
  const work = loads[name];
  if (work === undefined) throw new Error(`no load ${name}`);
  const statuses = new Map<number, number>();
  const untilMs = performance.now() + SECONDS * 1000;
  let n = 0;
  const one = async () => {
    while (performance.now() < untilMs) {
      const { status } = await work(api, place, n++);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, one));
  console.log([...statuses].map(([status, count]) => `${count} × ${status}`).join(", "));
}

/** Samples of how late the event loop is, in milliseconds, while the work goes on. */
async function lateness(work: Promise<unknown>): Promise<number[]> {
  const late: number[] = [];
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const startMs = performance.now();
    await Bun.sleep(1);
    late.push(Math.max(0, performance.now() - startMs - 1));
  }
  await over;
  return late.sort((a, b) => a - b);
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "realmgate-load-"));
  const parsed = parseConfig(
    {
      REALMGATE_DATA_DIR: dataDir,
      REALMGATE_ADMIN_PASSWORD: adminPassword,
      REALMGATE_OPS_LISTEN: "127.0.0.1:0",
      REALMGATE_REST_LISTEN: "127.0.0.1:0",
      REALMGATE_GRPC_LISTEN: "127.0.0.1:0",
      REALMGATE_PROXY_LISTEN: "127.0.0.1:0",
    },
    [],
  );
  if (!parsed.ok) throw new Error(parsed.problems.join("; "));
  const running = await serve(parsed.config, { error: console.error, warn() {}, info() {} });
  const urls = running.urls() as Urls;
  try {
    const api = await loginAdmin(urls);
    const { projectId, containerId } = await makePlace(api, urls, 1);
    await put(api, `/containers/${containerId}/proxy/permissions`, false);
    for (let n = 0; n < 300; n++) {
      const fields = { alias: `t-${n}`, public_storage: { text: "x".repeat(8000) } };
      await api.call("POST", "/auth/tokens", { body: fields });
    }
    console.log("| load | p50 ms | p99 ms | worst ms | answers |\n| --- | --- | --- | --- | --- |");
    for (const name of Object.keys(loads)) {
      const child = Bun.spawn(
        [
          "bun",
          import.meta.path,
          name,
          JSON.stringify(urls),
          JSON.stringify({ projectId, containerId }),
        ],
        { stdout: "pipe", stderr: "inherit" },
      );
      const late = await lateness(child.exited);
      const at = (share: number) => (late[Math.floor(share * (late.length - 1))] ?? 0).toFixed(1);
      const answers = (await new Response(child.stdout).text()).trim();
      console.log(`| ${name} | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${answers} |`);
    }
  } finally {
    await running.stop();
  }
}

if (import.meta.main) {
  const [name, urls, place] = process.argv.slice(2);
  if (name === undefined) await main();
  else await load(name, JSON.parse(urls ?? "{}"), JSON.parse(place ?? "{}"));
}

import { expect, test } from "bun:test";
import { until } from "../../../test/harness/until.ts";
import type { LogEntry } from "../../exchange-log/log-entry.ts";
import type { LogPage } from "../../exchange-log/log-reading.ts";
import { StopSignal } from "../exchange/stop-signal.ts";
import type { ClientRequest } from "../upstream/request-body.ts";
import type { ForwardedRequest } from "../upstream/upstream.ts";
import { LogsProgram } from "./logs.ts";

const nothing: LogPage = { entries: [], next: null };
const unasked = () => Promise.reject(new Error("a stream does not ask that"));
const log = {
  newest: async () => nothing,
  oldest: async () => nothing,
  recent: unasked,
  stats: unasked,
};

/** What the program needs of an admitted request for a stream; `ends` gets how it ended. */
function streamOf(
  account: string,
  container: string,
  ends: string[],
  signal = new StopSignal(),
): ForwardedRequest {
  const active = {
    allowed: {
      host: { project: "p", container },
      route: { account },
      groups: ["ops"],
      consumedCredentials: [],
    },
    exchange: { requestId: "0".repeat(24), moves: 0, serves: () => {} },
    signal,
    end: (how: string) => void ends.push(`${account} ${how}`),
  };
  const admitted = { target: "/_logs/stream" };
  return { active, admitted } as unknown as ForwardedRequest;
}

/** The frames of a stream, as many as come until `count`. */
async function frames(body: ReadableStream<Uint8Array> | null, count: number) {
  const seen: string[] = [];
  for await (const chunk of body ?? []) {
    seen.push(new TextDecoder().decode(chunk));
    if (seen.length === count) break;
  }
  return seen;
}

test("a stream begins with what passed before, and what is live begins after the newest of all", async () => {
  const entry = (id: number) =>
    ({ id, status: 500, startedAtMs: 0, bytes: null, groups: null }) as LogEntry;
  const asked: unknown[] = [];
  const program = new LogsProgram({
    ...log,
    async newest({ filter, limit }, before) {
      asked.push(["newest", filter.level, limit, before]);
      return { entries: filter.level === null ? [entry(900)] : [entry(7)], next: null };
    },
    async oldest({ filter }, after) {
      asked.push(["oldest", filter.level, after]);
      return { entries: [entry(901)], next: 901 };
    },
  });
  const forwarded = streamOf("p", "c", []);
  Object.assign(forwarded.admitted, { target: "/_logs/stream?level=error" });
  const answer = await program.answer(request, forwarded);
  const body = answer.kind === "answered" ? answer.reply.body : null;
  const [first, live] = await frames(body, 2);
  expect(JSON.parse(first?.slice("data: ".length) ?? "")).toMatchObject([{ id: 7 }]);
  expect(live).toStartWith("id: 901\n");
  expect(asked.slice(0, 3)).toEqual([
    ["newest", null, 1, null],
    ["newest", "error", 100, 901],
    ["oldest", "error", 900],
  ]);
});

const request = { method: "GET", headers: new Headers() } as ClientRequest;

test("no account takes the places of all, and none loses a stream to one that comes later", async () => {
  const program = new LogsProgram(log);
  const ends: string[] = [];
  const bodies: ReadableStream[] = [];
  const open = async (account: string, container: string) => {
    const answer = await program.answer(request, streamOf(account, container, ends));
    const response = answer.kind === "answered" ? answer.reply : null;
    if (response?.status === 200 && response.body !== null) bodies.push(response.body);
    return response?.status;
  };
  const isOpen = () => ends.every((end) => end.endsWith(" complete"));
  // As many as a container, and as an account may have, in whatever projects.
  for (let n = 0; n < 8; n++) expect(await open("greedy", "c0")).toBe(200);
  expect(await open("greedy", "c0")).toBe(429);
  for (let n = 8; n < 32; n++) expect(await open("greedy", `c${n >> 3}`)).toBe(200);
  expect(await open("greedy", "c9")).toBe(429);
  // Many that take all they get.
  for (let account = 0; account < 9; account++) {
    for (let n = 0; n < 32; n++) await open(`greedy ${account}`, `${account} ${n >> 3}`);
  }
  expect(await open("modest", "m")).toBe(200);
  expect(isOpen()).toBe(true);
  for (const body of bodies) await body.cancel().catch(() => {});
});

test("a stream whose log is read by others for a while goes on where it was", async () => {
  let isBusy = false;
  let busy = 0;
  const page = async (next: number) => {
    if (isBusy) throw new Error(`too many reads ${++busy}`);
    return { entries: [{ id: next, startedAtMs: 0, bytes: null } as LogEntry], next };
  };
  const program = new LogsProgram({ ...log, newest: () => page(7), oldest: () => page(8) });
  const ends: string[] = [];
  const answer = await program.answer(request, streamOf("a", "c", ends));
  const reader = (answer.kind === "answered" ? answer.reply.body : null)?.getReader();
  await reader?.read();
  isBusy = true;
  await until(() => busy > 0, "a look fails");
  isBusy = false;
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toStartWith("id: 8\n");
  expect(ends).toEqual([]);
  await reader?.cancel();
});

test("streams whose clients left before they began take no places", async () => {
  const program = new LogsProgram(log);
  const ends: string[] = [];
  for (let n = 0; n < 20; n++) {
    const gone = new StopSignal();
    gone.stop({ kind: "client_gone" });
    await program.answer(request, streamOf("p", "c", ends, gone));
  }
  expect(ends).toHaveLength(20);
  const answer = await program.answer(request, streamOf("p", "c", []));
  const response = answer.kind === "answered" ? answer.reply : null;
  expect(response?.status).toBe(200);
  await response?.body?.cancel();
});

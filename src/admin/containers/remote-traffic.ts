// Who was and is at containers whose proxies are other processes: asked of each of them, and put together.
import type { EntryStats } from "../../exchange-log/entry-view.ts";
import type { LogEntry } from "../../exchange-log/log-entry.ts";
import type { LogPage, LogQuery } from "../../exchange-log/log-reading.ts";
import type { NodeAnswer, NodeQuestion } from "../feed/node-question.ts";
import type { NodeQuestions } from "../feed/node-questions.ts";
import type { Store } from "../store/store.ts";
import type { ConnectionPort } from "./connection-service.ts";
import type { LogPort } from "./log-service.ts";
import { unreachable } from "./traffic-port.ts";

type Kind = NodeQuestion["kind"];

/** How far the clocks of proxies may differ, and how late an entry may be stored, in milliseconds. */
export const HOLD_MS = 10_000;
/** Ids are microseconds of Unix time. */
const IDS_PER_MS = 1_000;

interface Gathered<Answer> {
  readonly answers: readonly Answer[];
  /** Those that did not answer, as `NODE/PROCESS`. */
  readonly missing: readonly string[];
}

interface Asked {
  readonly questions: Pick<NodeQuestions, "ask">;
  readonly store: Pick<Store, "nodes" | "nodeProcesses">;
}

export class RemoteTraffic {
  #asked: Asked | null = null;

  /** Asks these from now on. */
  start(asked: Asked): void {
    this.#asked = asked;
  }

  /** The log of the proxies of a server. Rejects with ApiError PROXY_UNREACHABLE when none of them answers. */
  readonly log = (server: string): LogPort => {
    return {
      newest: async (query, before) => {
        const gathered = await this.#gather(server, { kind: "newest", query, before });
        return newestOf(gathered, query.container, query.limit);
      },
      oldest: async (query, after) => {
        const gathered = await this.#gather(server, { kind: "oldest", query, after });
        return oldestOf(gathered, query, after, Date.now());
      },
      stats: async (container, account) => {
        const question = { kind: "stats", container, account } as const;
        const { answers, missing } = await this.#gather(server, question);
        return { ...answers.reduce(sumOf), missing };
      },
    };
  };

  /** What is open at the proxies of a server. Rejects with ApiError PROXY_UNREACHABLE when none of them answers. */
  readonly connections = (server: string): ConnectionPort => {
    return {
      list: async (container, group, limit, account) => {
        const question = { kind: "list", container, group, limit, account } as const;
        const { answers, missing } = await this.#gather(server, question);
        const connections = answers
          .flatMap((each) => each.connections)
          .toSorted((one, other) => one.sinceMs - other.sinceMs)
          .slice(0, limit);
        const total = answers.reduce((sum, each) => sum + each.total, 0);
        return { connections, total, missing };
      },
      end: async (container, id) => {
        const { answers, missing } = await this.#gather(server, { kind: "end", container, id });
        return { ended: answers.filter(Boolean).length, missing };
      },
      endOfGroup: async (container, group) => {
        const question = { kind: "endOfGroup", container, group } as const;
        const { answers, missing } = await this.#gather(server, question);
        return { ended: answers.reduce((sum, each) => sum + each, 0), missing };
      },
    };
  };

  async #gather<K extends Kind>(
    server: string,
    question: Extract<NodeQuestion, { kind: K }>,
  ): Promise<Gathered<NodeAnswer<K>>> {
    if (this.#asked === null) throw unreachable("this control plane has just begun");
    const { questions, store } = this.#asked;
    const [answered, processes, nodes] = await Promise.all([
      questions.ask<K>(server, question),
      store.nodeProcesses(),
      store.nodes(),
    ]);
    const names = new Map(nodes.map(({ id, name }) => [id, name]));
    const nameOf = (node: string, process: string) => `${names.get(node) ?? node}/${process}`;
    const there = new Set(answered.map(({ node, process }) => nameOf(node, process)));
    const missing = processes
      .filter(({ servers }) => servers.includes(server))
      .map(({ nodeId, process }) => nameOf(nodeId, process))
      .filter((name) => !there.has(name));
    if (answered.length === 0) {
      const which = missing.length === 0 ? "" : `: ${missing.join(", ")}`;
      throw unreachable(`no proxy of server ${server} answers${which}`);
    }
    return { answers: answered.map(({ answer }) => answer), missing };
  }
}

/** What all pages together show whole: nothing beyond the place where one of them was cut. */
export function newestOf(
  { answers, missing }: Gathered<LogPage>,
  container: string,
  limit: number,
): LogPage {
  const edge = Math.max(...answers.map(({ next }) => next ?? Number.NEGATIVE_INFINITY));
  const whole = entriesOf(answers, container)
    .filter(({ id }) => id >= edge)
    .toSorted((one, other) => inOrder(other, one));
  const entries = cut(whole, limit);
  const isCut = entries.length < whole.length;
  const next = isCut ? (entries.at(-1)?.id ?? null) : Number.isFinite(edge) ? edge : null;
  return { entries, next, missing };
}

/**
 * The same, forward. Where there are several proxies, what was stored in the last seconds is not told yet: another of them may still
 * store what comes before it.
 */
export function oldestOf(
  { answers, missing }: Gathered<LogPage>,
  { container, limit }: Pick<LogQuery, "container" | "limit">,
  after: number,
  nowMs: number,
): LogPage {
  const places = answers.map(({ next, isEnd = false }) => (isEnd ? null : next));
  const open = Math.min(...places.map((each) => each ?? Number.POSITIVE_INFINITY));
  const isShared = answers.length + missing.length > 1;
  const settled = isShared ? (nowMs - HOLD_MS) * IDS_PER_MS : Number.POSITIVE_INFINITY;
  const edge = Math.min(open, settled);
  const whole = entriesOf(answers, container)
    .filter(({ id }) => id <= edge)
    .toSorted(inOrder);
  const entries = cut(whole, limit);
  const isCut = entries.length < whole.length;
  const last = Math.max(...answers.map(({ next }) => next ?? 0));
  const place = Number.isFinite(open) ? edge : Math.min(last, settled);
  const next = (isCut ? entries.at(-1)?.id : undefined) ?? Math.max(after, place);
  return { entries, next, isEnd: !isCut && !Number.isFinite(open), missing };
}

/** A proxy tells of the container that it was asked about. */
function entriesOf(pages: readonly LogPage[], container: string): LogEntry[] {
  return pages.flatMap(({ entries }) => entries.filter((each) => each.container === container));
}

/** Two proxies may give an id to one entry each. */
function inOrder(one: LogEntry, other: LogEntry): number {
  return one.id - other.id || one.startedAtMs - other.startedAtMs;
}

/** So many, and those with the id of the last: a cursor would leave them out. */
function cut(entries: readonly LogEntry[], limit: number): LogEntry[] {
  const last = entries[limit - 1]?.id;
  return entries.filter(({ id }, index) => index < limit || id === last);
}

function sumOf(one: EntryStats, other: EntryStats): EntryStats {
  return {
    total: one.total + other.total,
    byLevel: added(one.byLevel, other.byLevel),
    byProject: added(one.byProject, other.byProject),
    byContainer: added(one.byContainer, other.byContainer),
    byService: added(one.byService, other.byService),
    by_reason: added(one.by_reason, other.by_reason),
  };
}

type Counts = Readonly<Record<string, number>>;

function added(one: Counts, other: Counts): Record<string, number> {
  const sum = new Map(Object.entries(one));
  for (const [name, n] of Object.entries(other)) sum.set(name, (sum.get(name) ?? 0) + n);
  return Object.fromEntries(sum);
}

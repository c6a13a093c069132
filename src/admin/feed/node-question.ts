// What a control plane asks a node: what only the node knows of its containers.
import type { EntryStats } from "../../exchange-log/entry-view.ts";
import type { LogPage, LogQuery } from "../../exchange-log/log-reading.ts";

export interface OpenConnection {
  readonly id: string;
  readonly client: string;
  readonly program: string;
  readonly instance: number;
  readonly alias: string | null;
  readonly method: string;
  readonly path: string;
  readonly status: number | null;
  readonly reason: string;
  readonly groups: readonly string[];
  readonly subject: string | null;
  /** Unix milliseconds. */
  readonly sinceMs: number;
  readonly bytes: number;
}

export interface ListedConnections {
  readonly connections: readonly OpenConnection[];
  readonly total: number;
  /** Proxies that did not answer; unset: none. */
  readonly missing?: readonly string[];
}

interface Answers {
  readonly newest: LogPage;
  readonly oldest: LogPage;
  readonly stats: EntryStats;
  readonly list: ListedConnections;
  readonly end: boolean;
  readonly endOfGroup: number;
}

/** In JSON. */
export type NodeQuestion =
  | { readonly kind: "newest"; readonly query: LogQuery; readonly before: number | null }
  | { readonly kind: "oldest"; readonly query: LogQuery; readonly after: number }
  | { readonly kind: "stats"; readonly container: string; readonly account: string }
  | {
      readonly kind: "list";
      readonly container: string;
      readonly group: string | null;
      readonly limit: number;
      readonly account: string;
    }
  | { readonly kind: "end"; readonly container: string; readonly id: string }
  | { readonly kind: "endOfGroup"; readonly container: string; readonly group: string };

export type NodeAnswer<Kind extends NodeQuestion["kind"]> = Answers[Kind];

// What a control plane asks a node: what only the node knows of its containers.
import type { EntryStats } from "../../exchange-log/entry-view.ts";
import type { LogPage, LogQuery } from "../../exchange-log/log-reading.ts";
import type { ListedConnections } from "../containers/connection-service.ts";

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
  | { readonly kind: "stats"; readonly container: string }
  | {
      readonly kind: "list";
      readonly container: string;
      readonly group: string | null;
      readonly limit: number;
    }
  | { readonly kind: "end"; readonly container: string; readonly id: string }
  | { readonly kind: "endOfGroup"; readonly container: string; readonly group: string };

export type NodeAnswer<Kind extends NodeQuestion["kind"]> = Answers[Kind];

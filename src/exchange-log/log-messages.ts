// What the thread of the log is told, and what it answers.
import type { EntryBatch } from "./entry-batch.ts";
import type { EntryStats } from "./entry-view.ts";
import type { Appended, LogLimits } from "./log-database.ts";
import type { LogPage, LogQuery, RecentPage, RecentQuery } from "./log-reading.ts";

export type LogRequest =
  | { readonly kind: "open"; readonly path: string; readonly limits: LogLimits }
  | { readonly kind: "append"; readonly batches: readonly EntryBatch[] }
  | { readonly kind: "newest"; readonly query: LogQuery; readonly before: number | null }
  | { readonly kind: "oldest"; readonly query: LogQuery; readonly after: number }
  | { readonly kind: "recent"; readonly query: RecentQuery }
  | { readonly kind: "stats"; readonly container: string; readonly account: string }
  | { readonly kind: "close" };

export interface LogAnswers {
  readonly open: null;
  readonly append: Appended;
  readonly newest: LogPage;
  readonly oldest: LogPage;
  readonly recent: RecentPage;
  readonly stats: EntryStats;
  readonly close: null;
}

export type LogAnswer = LogAnswers[keyof LogAnswers];

export interface Asked {
  readonly number: number;
  readonly request: LogRequest;
}

export type Told =
  | { readonly number: number; readonly answer: LogAnswer }
  | { readonly number: number; readonly error: string };

// What the parent and a gate process say to each other.
import type { MetricObjectWithValues, MetricValue } from "@prometheus-io/client";
import type { AccessLogPlace, ListenAddress } from "../config/setting-readers.ts";
import type { StoreRequest } from "../exchange-log/exchange-log.ts";
import type { LogAnswers } from "../exchange-log/log-messages.ts";
import type { ProxyTls } from "../proxy/edge/listeners.ts";
import type { OpenConnection } from "../proxy/observe/open-connections.ts";
import type { PlainEdge, ProxyOptions } from "../proxy/options.ts";
import type { UpstreamTls } from "../proxy/upstream/tls.ts";

/** The descriptors that a gate process inherits: its end of the channel, then the listening sockets. */
export const CHANNEL_DESCRIPTOR = 3;
export const FIRST_SOCKET_DESCRIPTOR = 4;

/** Of options that JSON carries as they are. */
export type PlainProxyOptions = Pick<
  ProxyOptions,
  | "hostname"
  | "port"
  | "plain"
  | "httpsRedirect"
  | "proxyProtocol"
  | "domain"
  | "serverName"
  | "trustedProxies"
  | "programPorts"
  | "stalenessMaxMs"
  | "exchangesMax"
  | "credentialFailuresMax"
  | "streamSilenceMs"
  | "heldBytesMax"
  | "halfMessagesBytesMax"
  | "bodyBytesPerMinuteMin"
>;

/** All that a gate process needs; it reads no settings. No key in it opens the database. */
export interface WorkerStart {
  /** Which of them it is, from 0. */
  readonly slot: number;
  /** How many there are. */
  readonly workers: number;
  readonly proxy: PlainProxyOptions;
  readonly plainEdge: PlainEdge;
  /** Descriptors of listening sockets that it inherits; null: it makes its own, which others share. */
  readonly sockets: { readonly plain: number | null; readonly tls: number | null };
  readonly tls: ProxyTls | null;
  readonly upstreamTls: UpstreamTls;
  readonly containerCidrs: readonly string[];
  /** The gate's own listeners. */
  readonly own: readonly ListenAddress[];
  readonly accessLog: AccessLogPlace | null;
  readonly hasExchangeLog: boolean;
  readonly snapshotPath: string;
  /** In base64. */
  readonly keys: { readonly snapshot: readonly string[]; readonly bypass: readonly string[] };
  readonly feed: { readonly url: string; readonly token: string };
}

/** What a gate process enforces. */
export interface WorkerState {
  readonly from: "none" | "file" | "live";
  readonly revision: number;
  /** Whose the revision is. */
  readonly lineage: string;
  /** Unix milliseconds. */
  readonly heardAtMs: number | null;
  readonly closed: string | null;
  readonly failing: boolean;
  /** Connections of clients. */
  readonly connections: number;
}

export interface WorkerStarted {
  /** Ports on loopback that belong to it alone. */
  readonly innerPorts: readonly number[];
  readonly state: WorkerState;
}

interface Revision {
  readonly revision: number;
  readonly lineage: string | null;
}

interface Listed {
  readonly connections: readonly OpenConnection[];
  readonly total: number;
}

export type MetricValues = readonly MetricObjectWithValues<MetricValue<string>>[];

/** What the parent asks. */
export type ToWorker = {
  readonly start: { asked: WorkerStart; answer: WorkerStarted };
  readonly own: { asked: readonly ListenAddress[]; answer: null };
  readonly reached: { asked: Revision & { readonly waitMs: number }; answer: boolean };
  readonly lost: { asked: Revision; answer: boolean };
  readonly metrics: { asked: null; answer: MetricValues };
  readonly list: {
    asked: { readonly container: string; readonly group: string | null; readonly limit: number };
    answer: Listed;
  };
  readonly end: { asked: { readonly container: string; readonly id: string }; answer: boolean };
  readonly endOfGroup: {
    asked: { readonly container: string; readonly group: string };
    answer: number;
  };
  readonly flushLog: { asked: null; answer: null };
  readonly reload: { asked: null; answer: null };
  /** Keys of the snapshot from now on, in base64. Whether what it saves lies on disk under the first of them. */
  readonly snapshotKeys: { asked: readonly string[]; answer: boolean };
  /** Keys of bypass tokens from now on, in base64. */
  readonly bypassKeys: { asked: readonly string[]; answer: null };
  /** Wrong credentials that others let through. */
  readonly failures: { asked: readonly string[]; answer: null };
  /** Accept connections, or leave them to the others. */
  readonly accept: { asked: boolean; answer: null };
  readonly drain: { asked: number; answer: null };
};

/** What a gate process asks. */
export type ToParent = {
  readonly state: { asked: WorkerState; answer: null };
  readonly failures: { asked: readonly string[]; answer: null };
  readonly log: { asked: StoreRequest; answer: LogAnswers[StoreRequest["kind"]] };
  /** It listens no more. */
  readonly closed: { asked: null; answer: null };
};

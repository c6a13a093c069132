// What a proxy needs before it can start: keys from a control plane, or else what one sent to an earlier process.
import type { RemoteSource } from "../proxy/snapshot/remote-source.ts";
import { refuseClockOff } from "./clock-offset.ts";
import { type NodeKeys, readNodeKeys } from "./node-keys.ts";
import { CannotStartNode } from "./running-node.ts";

/** How long a start waits for each control plane before it goes on with what it has, in milliseconds. */
const WELCOME_MS = 10_000;
const LOOK_MS = 100;

export interface NodeWelcomeOptions {
  readonly source: Pick<
    RemoteSource,
    "start" | "welcome" | "problem" | "problems" | "connects" | "clockOffsetMs"
  >;
  /** Control planes, each once. */
  readonly urls: readonly string[];
  /** Where keys of an earlier process are. */
  readonly keysPath: string;
  /** See NodeCredential. */
  readonly secret: string;
  /** For each control plane, in milliseconds; 10,000 unless set. */
  readonly waitMs?: number;
}

/** Throws CannotStartNode. */
export async function nodeWelcome(options: NodeWelcomeOptions): Promise<NodeKeys> {
  const { source, urls, keysPath, secret, waitMs = WELCOME_MS } = options;
  const kept = readNodeKeys(keysPath, secret);
  source.start();
  const { promise, resolve } = Promise.withResolvers<null>();
  const late = setTimeout(() => resolve(null), kept === null ? urls.length * waitMs : waitMs);
  const look = setInterval(() => {
    if (source.problem === null) return;
    // What an earlier process got is as good while none answers: then the second one that does not is enough.
    const goesOn = kept !== null && refusal(source.problems) === null;
    const isSilent = /nothing is heard|is not a feed/.test(source.problem) || source.connects > 2;
    if (goesOn ? isSilent : urls.every((url) => source.problems.has(url))) resolve(null);
  }, LOOK_MS);
  const welcome = await Promise.race([source.welcome, promise]);
  clearTimeout(late);
  clearInterval(look);
  if (welcome !== null) {
    refuseClockOff(source.clockOffsetMs ?? 0, "the control plane");
    return welcome;
  }
  const refused = refusal(source.problems);
  if (kept !== null && refused === null) return kept;
  if (refused !== null) {
    throw new CannotStartNode(
      `REALMGATE_FEED_URLS: no control plane lets this node in (${refused})`,
    );
  }
  throw new CannotStartNode(
    `REALMGATE_FEED_URLS: no control plane lets this node in (${source.problem ?? "no answer"}), and none did before: is that REALMGATE_FEED_LISTEN of a control plane, and the token or certificate right?`,
  );
}

/** What a control plane said that knows this node and does not let it in. Null: none did. */
function refusal(problems: ReadonlyMap<string, string>): string | null {
  return (
    problems.values().find((text) => /not a node|may not follow|the node was revoked/.test(text)) ??
    null
  );
}

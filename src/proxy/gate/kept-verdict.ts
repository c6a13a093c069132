// The last verdict of a connection: most connections ask for the same thing again and again.
import type { CredentialReader } from "../../policy/credential-reader.ts";
import type { HostName } from "../routing/host.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Allowed, AuthorizationRequest } from "./authorize.ts";

/** More is not kept, so that connections stay small. */
const READERS_MAX = 8;
const CHARACTERS_MAX = 4_096;
const NO_READERS: readonly CredentialReader[] = [];

/**
 * A cache of `authorize` with one entry. It holds for the same snapshot, host, client and credentials, until one of them expires; only
 * what was allowed is kept, no preflight and nothing with a JWT outside its time. Absent and ambiguous credentials are the same to `authorize`: null.
 */
export class KeptVerdict {
  #snapshot: Snapshot | null = null;
  #host: HostName | null = null;
  #client = "";
  #result: Allowed | null = null;
  readonly #texts: (string | null)[] = [];

  /** What `authorize` would answer; null: it has to be asked. `nowMs`: Unix milliseconds. */
  find(snapshot: Snapshot, request: AuthorizationRequest, nowMs: number): Allowed | null {
    const result = this.#result;
    if (
      result === null ||
      snapshot !== this.#snapshot ||
      request.host !== this.#host ||
      request.client !== this.#client ||
      request.isPreflight ||
      nowMs >= result.untilMs
    ) {
      return null;
    }
    const readers = readersOf(result);
    for (let place = 0; place < readers.length; place++) {
      const { location } = readers[place] as CredentialReader;
      if (request.presented[location.kind](location.name) !== this.#texts[place]) return null;
    }
    return result;
  }

  /** `result` is what `authorize` has answered to this request. */
  keep(snapshot: Snapshot, request: AuthorizationRequest, result: Allowed): void {
    if (result === this.#result) return;
    this.forget();
    const readers = readersOf(result);
    if (request.isPreflight || result.untimely || readers.length > READERS_MAX) return;
    let characters = 0;
    for (const { location } of readers) {
      const text = request.presented[location.kind](location.name);
      characters += text?.length ?? 0;
      this.#texts.push(text);
    }
    if (characters > CHARACTERS_MAX) {
      this.#texts.length = 0;
      return;
    }
    this.#snapshot = snapshot;
    this.#host = request.host;
    this.#client = request.client;
    this.#result = result;
  }

  /** Lets go of the snapshot and the credentials. */
  forget(): void {
    this.#result = null;
    this.#snapshot = null;
    this.#host = null;
    this.#texts.length = 0;
  }
}

/** What its policy reads. */
function readersOf({ route }: Allowed): readonly CredentialReader[] {
  return route.policy?.readers ?? NO_READERS;
}

import type { CompiledPolicy } from "./compile.ts";
import type { StoredDocument } from "./stored-document.ts";

/** As many as may be under way between a write and the proxy of the same process; the rest is compiled again. */
const RECENT_MAX = 16;

/** Hands the compiled policies of accepted documents to the proxy of the same process, which would compile them again. */
export class RecentPolicies {
  readonly #policies = new Map<string, CompiledPolicy>();

  put({ digest, compiled }: StoredDocument): void {
    if (!compiled.ok) {
      return;
    }
    this.#policies.delete(digest);
    this.#policies.set(digest, compiled.policy);
    for (const oldest of this.#policies.keys()) {
      if (this.#policies.size <= RECENT_MAX) {
        break;
      }
      this.#policies.delete(oldest);
    }
  }

  /** Null: it is not among the recent ones. It is handed over once: the proxy keeps it as long as it needs it. */
  take(digest: string): CompiledPolicy | null {
    const policy = this.#policies.get(digest) ?? null;
    this.#policies.delete(digest);
    return policy;
  }
}

// A permission document as a snapshot holds it.
import type { Log } from "../../log.ts";
import type { CompiledPolicy } from "../../policy/compile.ts";
import { type Compiled, StoredDocument } from "../../policy/stored-document.ts";

/** Whose document it is, as the log names it. */
export type Owner = { readonly project: string } | { readonly container: string };

/** Compiled when it is first needed; until then only its text is held (compiling takes some 70 µs and 3 KB). */
export class LazyPolicy {
  /** Known to exist, but the database could not read it. */
  static unreadable(): LazyPolicy {
    return new LazyPolicy({ ok: false, problem: "it cannot be read from the database" });
  }

  /** Known to exist, but its content did not arrive. */
  static missing(): LazyPolicy {
    return new LazyPolicy({ ok: false, problem: "its content is missing" });
  }

  static of(text: string): LazyPolicy {
    return new LazyPolicy(text);
  }

  static compiled(policy: CompiledPolicy): LazyPolicy {
    return new LazyPolicy({ ok: true, policy });
  }

  #state: string | Compiled;
  #reported = false;

  private constructor(state: string | Compiled) {
    this.#state = state;
  }

  /** Never throws: one bad document must not take others with it. */
  get compiled(): Compiled {
    if (typeof this.#state === "string") {
      this.#state = StoredDocument.read(this.#state).compiled;
    }
    return this.#state;
  }

  /** Whether the log says already that it does not compile. */
  get reported(): boolean {
    return this.#reported;
  }

  report(log: Log, owner: Owner, problem: string): void {
    this.#reported = true;
    log.error(
      { ...owner, problem },
      "permission document does not compile; what it guards is closed",
    );
  }
}

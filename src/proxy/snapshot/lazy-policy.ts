// A permission document as a snapshot holds it.
import type { Log } from "../../log.ts";
import type { CompiledPolicy } from "../../policy/compile.ts";
import type { Steps } from "../../policy/steps.ts";
import { type Compiled, StoredDocument } from "../../policy/stored-document.ts";

/** Whose document it is, as the log names it. */
export type Owner = { readonly project: string } | { readonly container: string };

/** Compiled when it is first needed, and again when it was let go meanwhile (compiling takes some 70 µs and 3 KB). */
export class LazyPolicy {
  /** Known to exist, but the database could not read it. */
  static unreadable(): LazyPolicy {
    return new LazyPolicy("", { ok: false, problem: "it cannot be read from the database" });
  }

  /** Known to exist, but its content did not arrive. */
  static missing(): LazyPolicy {
    return new LazyPolicy("", { ok: false, problem: "its content is missing" });
  }

  /** `policy`: where it was compiled already. */
  static of(text: string, policy: CompiledPolicy | null = null): LazyPolicy {
    return new LazyPolicy(text, policy === null ? null : { ok: true, policy });
  }

  readonly #text: string;
  #compiled: Compiled | null;
  #compiling: Promise<Compiled> | null = null;
  #isUsed = false;
  #reported = false;

  private constructor(text: string, compiled: Compiled | null) {
    this.#text = text;
    this.#compiled = compiled;
  }

  /** Of its text. */
  get characters(): number {
    return this.#text.length;
  }

  /** Whether it is compiled now; asking is no use of it. */
  get isCompiled(): boolean {
    return this.#compiled !== null;
  }

  /** Null: it is not compiled now. */
  get compiled(): Compiled | null {
    this.#isUsed = true;
    return this.#compiled;
  }

  /** Compiles it, in steps. Never throws: one bad document must not take others with it. */
  *compiledSteps(): Steps<Compiled> {
    if (this.#compiled !== null) return this.#compiled;
    const compiled = yield* StoredDocument.read(this.#text).compiledSteps();
    // A request may have needed it meanwhile: there is one policy of it, for it remembers what it verified.
    this.#compiled ??= compiled;
    return this.#compiled;
  }

  /** One compilation for all who wait for it. */
  compiling(run: (steps: Steps<Compiled>) => Promise<Compiled>): Promise<Compiled> {
    this.#compiling ??= run(this.compiledSteps()).finally(() => {
      this.#compiling = null;
    });
    return this.#compiling;
  }

  /** Whether it was used since it was last asked. */
  takeUse(): boolean {
    const isUsed = this.#isUsed;
    this.#isUsed = false;
    return isUsed;
  }

  /** Lets go of what it compiled from a text. Whoever holds that may go on with it. */
  forget(): void {
    if (this.#text !== "") this.#compiled = null;
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

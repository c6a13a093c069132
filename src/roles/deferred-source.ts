// A change feed that may come later: until then there is nothing to be read, and whoever reads is told so.
import type { ChangeSource } from "../admin/feed/change-source.ts";

export class LateSource implements ChangeSource {
  #source: ChangeSource | null = null;
  readonly #listeners = new Map<(revision: bigint) => void, () => void>();

  /** To be called once. Who listens already is told to read. */
  arrive(source: ChangeSource): void {
    this.#source = source;
    for (const listener of this.#listeners.keys()) {
      this.#listeners.set(listener, source.onCommit(listener));
      listener(0n);
    }
  }

  async changesAfter(revision: bigint): ReturnType<ChangeSource["changesAfter"]> {
    if (this.#source === null) throw new Error("the control plane is not up");
    return this.#source.changesAfter(revision);
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    this.#listeners.set(listener, this.#source?.onCommit(listener) ?? (() => {}));
    return () => {
      this.#listeners.get(listener)?.();
      this.#listeners.delete(listener);
    };
  }
}

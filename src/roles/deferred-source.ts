// A change feed that becomes available after its readers have subscribed. Until then every read fails.
import type { StoreChangeSource } from "../admin/feed/change-source.ts";

export class DeferredSource implements StoreChangeSource {
  #source: StoreChangeSource | null = null;
  readonly #listeners = new Map<(revision: bigint) => void, () => void>();

  /** Call once. Subscribes the listeners to the source and makes each of them read. */
  provide(source: StoreChangeSource): void {
    this.#source = source;
    for (const listener of this.#listeners.keys()) {
      this.#listeners.set(listener, source.onCommit(listener));
      listener(0n);
    }
  }

  async changesAfter(
    ...asked: Parameters<StoreChangeSource["changesAfter"]>
  ): ReturnType<StoreChangeSource["changesAfter"]> {
    if (this.#source === null) throw new Error("the control plane is not up");
    return this.#source.changesAfter(...asked);
  }

  async head(): ReturnType<StoreChangeSource["head"]> {
    if (this.#source === null) throw new Error("the control plane is not up");
    return this.#source.head();
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    this.#listeners.set(listener, this.#source?.onCommit(listener) ?? (() => {}));
    return () => {
      this.#listeners.get(listener)?.();
      this.#listeners.delete(listener);
    };
  }
}

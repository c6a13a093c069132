// How often the log of a container may be read.

/** Reads at once, and how long one takes to come back, in milliseconds: 30 a minute. */
const READS_MAX = 30;
const READ_MS = 2_000;
/** Containers that are remembered. */
const CONTAINERS_MAX = 4_096;

export class ReadBudget {
  /** By container: when its last read will have come back, in milliseconds of the caller's clock. */
  readonly #backAtMs = new Map<string, number>();

  /** Whether the container's log may be read now. */
  take(container: string, nowMs: number): boolean {
    const backAtMs = Math.max(nowMs, this.#backAtMs.get(container) ?? 0) + READ_MS;
    if (backAtMs > nowMs + READS_MAX * READ_MS) return false;
    this.#backAtMs.delete(container);
    this.#backAtMs.set(container, backAtMs);
    const [oldest] = this.#backAtMs.keys();
    if (this.#backAtMs.size > CONTAINERS_MAX && oldest !== undefined) {
      this.#backAtMs.delete(oldest);
    }
    return true;
  }
}

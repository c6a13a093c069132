// A process of an installation in several ones.

export interface RunningNode {
  /** What the line `ready` says. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Reads certificates again whose files have changed. */
  reload(): Promise<void>;
  /** Accepts nothing new, and lets go on what may within the configured limit. */
  stop(): Promise<void>;
}

/** A start that an operator can mend: one line says how. */
export class CannotStartNode extends Error {}

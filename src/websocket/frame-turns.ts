/** How many frames a connection may take apart, one by one, in a turn of the event loop that it shares with others. */
export interface FrameTurns {
  /** Whether more may be taken apart in this turn. */
  readonly mayGoOn: boolean;
  /** So many were. */
  took(frames: number): void;
  /** Calls it once in a coming turn, when they may. */
  wait(resume: () => void): void;
}

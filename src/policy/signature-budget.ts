/** Bounds the signature checks that one client causes, so that its tokens do not hold up others. */
export interface SignatureBudget {
  /** Whether this client may cause one more check in this turn of the event loop; if so, it is taken. */
  take(client: string): boolean;
  /** Resolves in a later turn in which the client may, and has taken it. */
  wait(client: string): Promise<void>;
}

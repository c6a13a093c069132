// The client's body is malformed, or did not come whole.

/** What a body's stream ends with: the request is void, and its upstream is not to blame. Carries nothing of the exchange. */
export class BrokenBodyError extends Error {
  override readonly name = "BrokenBodyError";

  constructor() {
    super("body broke off");
  }
}

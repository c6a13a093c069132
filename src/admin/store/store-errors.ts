// Why a store cannot do what it was asked, when that is not the caller's fault.

/** The database cannot be reached, is overloaded or answers too late. Nothing was stored; the same call may succeed later. */
export class StoreUnavailable extends Error {}

/** The connection broke after COMMIT was sent: the write may or may not be stored. A read, or If-Match, tells. */
export class WriteOutcomeUnknown extends Error {}

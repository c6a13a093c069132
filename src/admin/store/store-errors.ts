// Why a store cannot do what it was asked, when that is not the caller's fault.

/** The database cannot be reached, is overloaded or answers too late. Nothing was stored; the same call may succeed later. */
export class StoreUnavailable extends Error {}

/** The disk of the database has no room. Nothing was stored. */
export class StorageFull extends Error {
  constructor(options?: ErrorOptions) {
    super("the disk of the database is full", options);
  }
}

/** The connection broke after COMMIT was sent: the write may or may not be stored. A read, or If-Match, tells. */
export class WriteOutcomeUnknown extends Error {}

/** Another secret key sealed what is in the database. */
export class OtherSecretKey extends Error {
  /** `places`: where that key may be. */
  constructor(places: string) {
    super(`its documents were sealed with another secret key: bring that back (${places})`);
  }
}

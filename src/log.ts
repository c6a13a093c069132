/** The part of pino's logger that every layer uses. Never pass it a credential. */
export interface Log {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

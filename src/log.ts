/** Where the proxy reports; pino's shape. Never receives a credential. */
export interface Log {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

// Whether the requests of one client may authenticate their connections.
import { mayAuthenticateConnection } from "../../upstream/connection-auth.ts";

/** Looks again only when the credentials are others than those of the request before. */
export class Binding {
  #authorization: string | null = null;
  #mayBind = false;

  mayBind(authorization: string | null): boolean {
    if (authorization !== this.#authorization) {
      this.#authorization = authorization;
      this.#mayBind = mayAuthenticateConnection(authorization);
    }
    return this.#mayBind;
  }
}

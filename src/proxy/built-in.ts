// The programs that the gate itself answers for.
import type { CurlProgram } from "./curl/curl.ts";
import type { Refusal } from "./gate/refusal.ts";
import type { LogsProgram } from "./logs/logs.ts";
import type { ClientRequest } from "./upstream/request-body.ts";
import type { Answered, ForwardedRequest } from "./upstream/upstream.ts";

export class BuiltInPrograms {
  readonly #curl: Pick<CurlProgram, "answer">;
  readonly #logs: Pick<LogsProgram, "answer">;

  constructor(curl: Pick<CurlProgram, "answer">, logs: Pick<LogsProgram, "answer">) {
    this.#curl = curl;
    this.#logs = logs;
  }

  /** Answers an admitted request for one of them. */
  answer(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal> {
    return forwarded.active.allowed.route.program === "logs"
      ? this.#logs.answer(request, forwarded)
      : this.#curl.answer(request, forwarded);
  }
}

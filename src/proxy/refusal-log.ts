import type { Exchange } from "./exchange.ts";
import type { Log } from "./log.ts";

/** Lines a second; what is beyond is counted. */
export const refusalLinesPerSecondMax = 100;

/** What an operator looks for who was told a request id. Neither a credential nor anything of the path or query. */
export interface LoggedRefusal {
  readonly requestId: string;
  readonly reason: string;
  readonly program: string;
  readonly instance: number;
  readonly project: string;
  readonly container: string;
}

/** One line a refusal, so that its request id can be found; bounded, for who is refused must not fill the log. */
export class RefusalLog {
  readonly #log: Log;
  #secondStartedMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #dropped = 0;
  #droppedInAll = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** How many refusals are not in the log. */
  get dropped(): number {
    return this.#droppedInAll;
  }

  /** Notes it when it was refused after it was known what was asked for. */
  ended({ requestId, reason, host, status, fromUpstream }: Exchange): void {
    if (host !== null && status !== null && !fromUpstream) {
      const { program, instance, project, container } = host;
      const refusal = { requestId, reason, program, instance, project, container };
      this.note(refusal, performance.now());
    }
  }

  /** `nowMs`: milliseconds of any clock that does not go back. The count of what was dropped comes with the next line. */
  note(refusal: LoggedRefusal, nowMs: number): void {
    if (nowMs - this.#secondStartedMs >= 1_000) {
      this.#startSecond(nowMs);
    }
    if (this.#lines === refusalLinesPerSecondMax) {
      this.#dropped++;
      this.#droppedInAll++;
      return;
    }
    this.#lines++;
    this.#log.info(refusal, "request refused");
  }

  #startSecond(nowMs: number): void {
    if (this.#dropped > 0) {
      this.#log.info({ dropped: this.#dropped }, "refusals not logged: too many in a second");
    }
    this.#secondStartedMs = nowMs;
    this.#lines = 0;
    this.#dropped = 0;
  }
}

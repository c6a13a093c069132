// Frames of WebSockets that are taken apart one by one, by turns of the event loop.
import { TurnBudget } from "../../guard/turn-budget.ts";
import type { FrameTurns } from "../../websocket/frame-turns.ts";

/** Frames of one key in one turn, some 2 µs each, and of all keys that had to wait. */
const FRAMES = { perKey: 256, total: 1_024 } as const;

/** Shares the event loop between client networks, or between upstreams, however many connections each of them has. */
export class FrameBudget {
  readonly #budget = new TurnBudget(FRAMES);

  /** For one connection of this client network, or to this upstream. */
  of(key: string): FrameTurns {
    const budget = this.#budget;
    return {
      get mayGoOn() {
        return !budget.isSpent(key);
      },
      took: (frames) => {
        if (frames > 0) budget.take(key, frames);
      },
      wait: (resume) => budget.wait(key, resume),
    };
  }
}

/** The process has one event loop. */
export const clientFrames = new FrameBudget();
export const upstreamFrames = new FrameBudget();

import { TurnBudget } from "../../guard/turn-budget.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { SignatureBudget } from "../../policy/signature-budget.ts";

/** Checks that one client network may cause in one turn of the event loop; each takes up to 0.2 ms. */
export const checksPerNetwork = 4;
/** Checks in one turn of networks that had to wait. */
export const checksOfWaiting = 16;

/** Shares signature checks between client networks, turn by turn of the event loop. */
export class SignatureTurns implements SignatureBudget {
  readonly #budget = new TurnBudget({ perKey: checksPerNetwork, total: checksOfWaiting });

  take(client: string): boolean {
    return this.#budget.take(clientNetwork(client), 1) === 1;
  }

  wait(client: string): Promise<void> {
    const network = clientNetwork(client);
    return new Promise((resolve) => {
      const resume = () => {
        if (this.#budget.take(network, 1) === 1) resolve();
        else this.#budget.wait(network, resume);
      };
      this.#budget.wait(network, resume);
    });
  }
}

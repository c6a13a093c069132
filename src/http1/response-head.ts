/** The head of a response, as spans into `bytes`. */
import { MessageHead } from "./message-head.ts";

export class ResponseHead extends MessageHead {
  /** 100 to 999; what is beyond 599 is passed on as it came. */
  status = 0;
  /** The reason as it came; it may be empty. */
  reasonStart = 0;
  reasonEnd = 0;
}

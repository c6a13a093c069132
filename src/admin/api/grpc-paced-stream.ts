// A stream of questions and answers that anybody may open: no more is read than the client takes answers.
import { type handleBidiStreamingCall, status } from "@grpc/grpc-js";

/** Questions of one stream. Clients that walk through all services ask some dozens. */
export const STREAM_QUESTIONS_MAX = 1024;

/** Wraps a handler that answers each message with one, without a look at what the client takes. */
export function pacedStream<Question, Answer>(
  handle: handleBidiStreamingCall<Question, Answer>,
): handleBidiStreamingCall<Question, Answer> {
  return (stream) => {
    const write = stream.write.bind(stream);
    let answers = 0;
    const paced = (answer: Answer): boolean => {
      if (++answers > STREAM_QUESTIONS_MAX) {
        stream.pause();
        stream.removeAllListeners("data");
        const error = new Error("Too many questions on one stream");
        stream.emit("error", Object.assign(error, { code: status.RESOURCE_EXHAUSTED }));
        return false;
      }
      // One at a time: an answer may be the files of a whole service.
      stream.pause();
      return write(answer, () => stream.resume());
    };
    handle(Object.assign(stream, { write: paced }));
  };
}

/** What makes a device's commands recordable: while a step is traced, they go to the tracer instead. */
import { RecordingError } from "../../errors.ts";
import type { Commands, Gpu, ReadyDispatch, Recorder } from "../gpu.ts";
import { isTraced, Tracer } from "./trace.ts";

/** A device without that: its dispatches have their uniforms worked out. */
export type PlainGpu = Omit<Gpu, keyof Recorder | "dispatch"> &
  Pick<Recorder, "prepare"> & { dispatch(dispatch: ReadyDispatch): void };

export function recordable(base: PlainGpu): Gpu {
  const real: Commands = {
    allocate: base.allocate,
    release(memory) {
      if (!isTraced(memory)) base.release(memory); // the plan of a recording knows itself how long it is needed
    },
    upload: base.upload,
    dispatch(dispatch) {
      const { uniforms, buffers } = dispatch;
      if (buffers.some(isTraced)) throw leftInRecording();
      base.dispatch({ ...dispatch, uniforms: typeof uniforms === "function" ? uniforms() : uniforms });
    },
  };
  let tracer: Tracer | undefined;

  function within<T>(next: Tracer | undefined, work: () => T): T {
    const before = tracer;
    tracer = next;
    try {
      return work();
    } finally {
      tracer = before;
    }
  }
  return {
    ...base,
    allocate: (bytes, isLasting) => (tracer ?? real).allocate(bytes, isLasting),
    release(memory) {
      (tracer && isTraced(memory) ? tracer : real).release(memory);
    },
    upload: (memory, data) => (tracer ?? real).upload(memory, data),
    dispatch: (dispatch) => (tracer ?? real).dispatch(dispatch),
    async read(memory, bytes) {
      if (isTraced(memory)) throw leftInRecording();
      return base.read(memory, bytes);
    },
    async flush() {
      if (!tracer) await base.flush();
    },
    refuseInStep(what) {
      if (!tracer) return;
      throw new RecordingError(
        `a recorded step cannot ${what}: it would be done only once`,
        "do it before run(), or in everyRun()",
      );
    },
    trace(work) {
      this.refuseInStep("run another one");
      const trace = new Tracer();
      return { result: within(trace, work), trace };
    },
    everyRun(action) {
      if (tracer) tracer.commands.push({ type: "action", run: action });
      else action();
    },
    feed(memory, numbers) {
      if (tracer) tracer.commands.push({ type: "feed", memory, numbers });
      else base.upload(memory, numbers());
    },
    lasting: (make) => within(undefined, make),
  };
}

function leftInRecording(): RecordingError {
  return new RecordingError(
    "this tensor was made in a recorded step, which keeps its memory to itself",
    "return it from the step, if it is one number; if it is a gradient, call zeroGrad() before backward()",
  );
}

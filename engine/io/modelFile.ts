/** A model's parameters and buffers as a safetensors file, under the names that PyTorch's `state_dict` has. */
import { ArgumentError, DataError, ShapeError } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "./safetensors.ts";

type AnyModule = Module<never, unknown>;

/** The numbers of named tensors, read from the device: all are asked for before the first is waited for. */
export async function readTensors(
  tensors: Iterable<readonly [string, Tensor]>,
): Promise<Map<string, SafetensorsTensor>> {
  const reading = [...tensors].map(async ([name, tensor]) => {
    const { dtype, shape } = tensor;
    return [
      name,
      { dtype: dtype === "float16" ? "float32" : dtype, shape, data: await tensor.data() },
    ] as const;
  });
  return new Map(await Promise.all(reading));
}

/** The file's bytes. @throws DeviceLostError */
export async function saveModel(
  model: AnyModule,
  metadata?: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  return encodeSafetensors(await readTensors(model.stateDict()), metadata);
}

/**
 * Copies the numbers of a safetensors file into the model.
 * @param file its name, for messages
 * @throws DataError for a broken file, or one that does not fit: it lists every missing, unexpected and misshapen tensor.
 * The model is as it was then.
 */
export function loadModel(model: AnyModule, bytes: Uint8Array, file: string): void {
  loadTensors(model, decodeSafetensors(bytes, file).tensors, file);
}

/** `loadModel` for a file that was decoded before. @throws DataError */
export function loadTensors(
  model: AnyModule,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  file: string,
): void {
  const [first] = model.stateDict().values();
  const uploaded = new Map<string, Tensor>();
  try {
    for (const [name, { data, shape }] of tensors)
      uploaded.set(name, tensor(data, { shape, gpu: first?.gpu }));
    model.loadStateDict(uploaded);
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof ShapeError)) throw error;
    const help =
      error.help ?? "give weights of this model, saved with the same settings and for the same data";
    throw new DataError(`${file}: ${error.problem}`, help, { cause: error });
  } finally {
    for (const { storage } of uploaded.values()) storage.release("it was copied into the model");
  }
}

/** What a model has learnt: codes, mistakes, filters, activations. */
import { useEffect, useState } from "preact/hooks";
import type { LabelledImages } from "../../protocol.ts";
import { dataInWords, titleOf } from "../choice.ts";
import { whole } from "../format.ts";
import { Diverged, NoModel } from "../parts/NoModel.tsx";
import { epochs, request, status } from "../state.ts";
import { Activations } from "./inside/Activations.tsx";
import { Codes } from "./inside/Codes.tsx";
import { FirstFilters } from "./inside/FirstFilters.tsx";
import { Interpolation } from "./inside/Interpolation.tsx";
import { Mistakes } from "./inside/Mistakes.tsx";

const offered = 24;

export function Inside() {
  const { model, choice, phase, stepsDone } = status.value;
  const [asked, setAsked] = useState(0);
  const [images, setImages] = useState<LabelledImages | undefined>(undefined);
  // Looked at anew when a training halts or ends, after each epoch, and when somebody asks.
  const moment = `${choice?.model} ${choice?.data} ${phase === "training" ? epochs.value.length : `${phase} ${stepsDone}`} ${asked}`;
  const isThere = model !== undefined && phase !== "preparing" && phase !== "diverged";

  useEffect(() => {
    if (!isThere) return;
    void request("testImages", 0, offered).then((found) => setImages(found));
  }, [isThere, choice?.data, choice?.seed]);

  if (!model || !choice) {
    return (
      <NoModel
        title="Look inside a model"
        text="Its filters, what every layer makes of an image, its codes and its mistakes. There is no model yet: train one first."
      />
    );
  }
  if (phase === "diverged") return <Diverged />;
  if (!isThere || !images) return <p role="status">Looking</p>;
  return (
    <div class="inside">
      <div class="title">
        <h1>{titleOf(choice.model)}</h1>
        <p class="note">
          after {whole(stepsDone)} steps on {dataInWords(choice.data)}
        </p>
        <button type="button" onClick={() => setAsked(asked + 1)}>
          Look again
        </button>
      </div>
      {model.codeSize !== undefined && <Codes moment={moment} imageShape={images.imageShape} />}
      {model.codeSize !== undefined && <Interpolation moment={moment} images={images} />}
      {model.classifies && <Mistakes moment={moment} />}
      <FirstFilters moment={moment} />
      <Activations moment={moment} images={images} />
    </div>
  );
}

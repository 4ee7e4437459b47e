/** What stands where a model is needed and there is none. */
import { goTo } from "../state.ts";

export function NoModel(props: { readonly title: string; readonly text: string; readonly action?: string }) {
  const { title, text, action = "Train one" } = props;
  return (
    <div class="empty">
      <h1 class="headline">{title}</h1>
      <p>{text}</p>
      <button type="button" class="primary" onClick={() => goTo("train")}>
        {action}
      </button>
    </div>
  );
}

/** The same where there is one that is of no use. */
export function Diverged() {
  return (
    <NoModel
      title="This training diverged"
      text="Its weights are no numbers any more. Start it anew with a smaller learning rate, or go back to the last save."
      action="Back to the training"
    />
  );
}

/** What stands where a model is needed and there is none. */
import { goTo } from "../state.ts";

export function NoModel({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <div class="empty">
      <h1 class="headline">{title}</h1>
      <p>{text}</p>
      <button type="button" class="primary" onClick={() => goTo("train")}>
        Train one
      </button>
    </div>
  );
}

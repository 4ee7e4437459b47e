/** Choosing, training, watching, keeping. */
import { Keep } from "./train/Keep.tsx";
import { Live } from "./train/Live.tsx";
import { Setup } from "./train/Setup.tsx";

export function Train() {
  return (
    <div class="train">
      <h1 class="hidden">Train</h1>
      <div class="side">
        <Setup />
        <Keep />
      </div>
      <div class="live">
        <Live />
      </div>
    </div>
  );
}

/** Where the page begins. */
import { render } from "preact";
import { App } from "./App.tsx";
import { begin } from "./state.ts";

render(<App />, document.getElementById("app")!);
void begin();

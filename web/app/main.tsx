/** Where the page begins. */
import { render } from "preact";
import { App } from "./App.tsx";
import { keepFocus } from "./keepFocus.ts";
import { begin } from "./state.ts";

render(<App />, document.getElementById("app")!);
keepFocus();
void begin();

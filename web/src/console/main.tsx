import { render } from "preact";
import { LocationProvider } from "preact-iso";
import "../shared/theme.css";
import { App } from "./App.tsx";

const root = document.getElementById("app");
if (root) {
  render(
    <LocationProvider scope="/console">
      <App />
    </LocationProvider>,
    root,
  );
}

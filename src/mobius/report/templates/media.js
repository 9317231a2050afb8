for (const stage of document.querySelectorAll(".stage")) {
  const slider = stage.querySelector("input[type=range]");
  const cut = () => stage.style.setProperty("--cut", slider.value + "%");
  slider.addEventListener("input", cut);
  cut();
  for (const choice of stage.querySelectorAll("input[type=radio]")) {
    choice.addEventListener("change", () => { stage.dataset.view = choice.value; });
    if (choice.checked) stage.dataset.view = choice.value;
  }
}

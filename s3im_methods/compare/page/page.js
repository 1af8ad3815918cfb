"use strict";

for (const choice of document.querySelectorAll("input[name=axis]")) {
  const show = () => { if (choice.checked) document.body.dataset.axis = choice.value; };
  choice.addEventListener("change", show);
  show();  // A browser that goes back to the page keeps the choice.
}

for (const slider of document.querySelectorAll(".slider")) {
  const pictures = slider.closest(".view").querySelectorAll("img.full");
  const stage = slider.querySelector(".stage");
  const place = stage.querySelector("input");
  for (const side of ["left", "right"]) {
    const select = slider.querySelector("select." + side);
    const image = document.createElement("img");
    if (side === "right") image.className = "over";
    const show = () => {
      const picture = pictures[select.value];
      image.src = picture.src;
      image.alt = side + " of the edge: " + picture.dataset.title;
    };
    select.addEventListener("change", show);
    show();
    stage.insertBefore(image, stage.querySelector(".edge"));
  }
  const move = () => stage.style.setProperty("--at", place.value + "%");
  place.addEventListener("input", move);
  move();
}

for (const drawing of document.querySelectorAll("svg.curve")) {
  const figure = drawing.closest("figure");
  const tooltip = figure.querySelector(".tooltip");
  const cursor = drawing.querySelector(".cursor");
  const line = (text, group) => {
    const row = document.createElement("div");
    if (group) {
      const swatch = document.createElement("span");
      swatch.className = "swatch " + group.getAttribute("class");
      row.append(swatch);
    } else {
      row.className = "where";
    }
    row.append(text);
    return row;
  };
  const hide = () => { tooltip.hidden = true; drawing.classList.remove("pointed"); };
  // A finger leaves when it lifts, and its values should stay until it points elsewhere.
  drawing.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hide(); });
  document.addEventListener("pointerdown", (event) => { if (!drawing.contains(event.target)) hide(); });
  const show = (event) => {
    const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse()).x;
    const distance = (circle) => Math.abs(circle.getAttribute("cx") - x);
    const nearest = [...drawing.querySelectorAll("g")].map((group) =>
      [group, [...group.querySelectorAll("circle")].reduce((a, b) => (distance(b) < distance(a) ? b : a))]);
    const moments = new Set(nearest.map(([, circle]) => circle.dataset.where));
    const rows = nearest.map(([group, circle]) =>
      line(group.dataset.name + ": " + circle.dataset.value + (moments.size > 1 ? " at " + circle.dataset.where : ""), group));
    if (moments.size === 1) rows.unshift(line([...moments][0], null));
    tooltip.replaceChildren(...rows);
    tooltip.hidden = false;
    const at = nearest.map(([, circle]) => circle).reduce((a, b) => (distance(b) < distance(a) ? b : a)).getAttribute("cx");
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    drawing.classList.add("pointed");
    const box = figure.getBoundingClientRect();
    const left = event.clientX - box.left + 16;
    const turned = left + tooltip.offsetWidth > box.width ? left - 32 - tooltip.offsetWidth : left;
    tooltip.style.left = Math.max(0, turned) + "px";
    tooltip.style.top = event.clientY - box.top + 16 + "px";
  };
  drawing.addEventListener("pointermove", show);
  drawing.addEventListener("pointerdown", show);
}

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const canvas = document.querySelector("#map canvas");
  const tip = document.getElementById("tip");
  const pen = canvas.getContext("2d");
  const count = data.x.length;
  const colour = (cluster) => `hsl(${(cluster * 137.5) % 360} 65% ${40 + (cluster % 3) * 10}%)`;
  for (const swatch of document.querySelectorAll(".legend i")) swatch.style.background = colour(Number(swatch.dataset.cluster));

  const view = { scale: 1, left: 0, top: 0 };
  let chosen = -1;
  const place = (index) => {
    const side = Math.min(canvas.clientWidth, canvas.clientHeight);
    return [
      (canvas.clientWidth - side) / 2 + (data.x[index] / data.steps) * side * view.scale + view.left,
      (canvas.clientHeight - side) / 2 + (1 - data.y[index] / data.steps) * side * view.scale + view.top,
    ];
  };
  const draw = () => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    pen.scale(ratio, ratio);
    const size = Math.min(1.2 + view.scale * 0.5, 5);
    for (let index = 0; index < count; index += 1) {
      const [x, y] = place(index);
      if (x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight) continue;
      pen.fillStyle = colour(data.cluster[index]);
      pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
    if (chosen >= 0) {
      const [x, y] = place(chosen);
      pen.strokeStyle = getComputedStyle(document.body).color;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(x, y, 7, 0, 7);
      pen.stroke();
    }
  };
  const nearest = (x, y) => {
    let best = -1;
    let least = 144;
    for (let index = 0; index < count; index += 1) {
      const [px, py] = place(index);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    }
    return best;
  };
  const show = (index) => {
    chosen = index;
    tip.replaceChildren();
    if (index >= 0) {
      const title = document.createElement(data.url[index] ? "a" : "b");
      title.textContent = data.title[index];
      if (data.url[index]) Object.assign(title, { href: data.url[index], rel: "noreferrer" });
      const facts = [data.frames[data.frame[index]], data.year[index] || "no date", data.clusters[data.cluster[index]]];
      tip.append(title, ` (${facts.join("; ")})`);
    }
    draw();
  };
  const zoom = (factor, x, y) => {
    const scale = Math.min(Math.max(view.scale * factor, 1), 40);
    const side = Math.min(canvas.clientWidth, canvas.clientHeight);
    const left = x - (canvas.clientWidth - side) / 2;
    const top = y - (canvas.clientHeight - side) / 2;
    view.left = left - ((left - view.left) * scale) / view.scale;
    view.top = top - ((top - view.top) * scale) / view.scale;
    view.scale = scale;
    draw();
  };
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.offsetX, y: event.offsetY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
    if (Math.abs(dx) + Math.abs(dy) > 3) drag.moved = true;
    view.left += dx;
    view.top += dy;
    [drag.x, drag.y] = [event.offsetX, event.offsetY];
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) show(nearest(event.offsetX, event.offsetY));
    drag = null;
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (step) { view.left += step[0]; view.top += step[1]; draw(); event.preventDefault(); }
    if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.25 : 0.8, canvas.clientWidth / 2, canvas.clientHeight / 2);
  });
  new ResizeObserver(draw).observe(canvas);
})();

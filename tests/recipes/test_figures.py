import pytest

from prelunet.recipes.figures import Panel, draw_panels

LONG = [f"PReLU, channel alpha, run {n} (test 98.76%)" for n in range(5)]


@pytest.mark.parametrize("panels", [1, 2, 3])
@pytest.mark.parametrize("labels", [LONG, LONG[:2], ["a", "b", "c", "d"]], ids=len)
def test_the_legend_lies_inside_the_figure(panels, labels):
    curves = {label: ([0, 1], [number, 1]) for number, label in enumerate(labels)}
    figure = draw_panels([Panel("Loss by step", "step", "loss", curves)] * panels)
    figure.canvas.draw()
    box, outside = figure.legends[0].get_window_extent(), figure.bbox
    assert outside.x0 <= box.x0 < box.x1 <= outside.x1
    assert outside.y0 <= box.y0 < box.y1 <= outside.y1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == labels

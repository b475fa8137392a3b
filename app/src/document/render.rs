//! Problems as people read them: the file, the line, the mark under it, what is accepted, what to do.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::problem::{Place, Problem};

/// How a file may be shown: its secrets are masked.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// Its name.
    pub name: String,
    /// Its text, masked.
    pub text: String,
}

/// The text of one problem.
pub(super) fn render(problem: &Problem, files: &[Shown], colour: bool) -> String {
    let title = Level::ERROR.primary_title(problem.message.clone());
    let mut group = Group::with_title(title);
    let first = problem.place.and_then(|place| Some((Excerpt::of(files, place)?, place)));
    let other = problem.other.as_ref().and_then(|(place, label)| Some((Excerpt::of(files, *place)?, label)));
    let nowhere = first.is_none() && other.is_none();
    if let Some(name) = problem.file.as_deref().or(files.first().map(|f| f.name.as_str())).filter(|_| nowhere) {
        group = group.element(Origin::path(name));
    }
    if let Some((excerpt, _)) = &first {
        let mark = AnnotationKind::Primary.span(excerpt.mark.clone()).label(problem.label.clone());
        group = group.element(excerpt.snippet().annotation(mark));
    }
    if let Some((excerpt, label)) = &other {
        let mark = AnnotationKind::Context.span(excerpt.mark.clone()).label((*label).clone());
        group = group.element(excerpt.snippet().annotation(mark));
    }
    for help in &problem.help {
        group = group.element(Level::HELP.message(help.clone()));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.decor_style(DecorStyle::Ascii).render(&[group]);
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// How far into a line a mark may be for the line to be shown.
const LONGEST: usize = 2_000;

/// The one line that is shown, and what is marked in it.
struct Excerpt<'f> {
    file: &'f Shown,
    line: &'f str,
    number: usize,
    mark: std::ops::Range<usize>,
}

impl<'f> Excerpt<'f> {
    fn of(files: &'f [Shown], place: Place) -> Option<Self> {
        let file = files.get(place.file)?;
        let text = file.text.as_str();
        let offset = place.start.min(text.len());
        let offset = (0..=offset).rev().find(|o| text.is_char_boundary(*o))?;
        let start = text[..offset].rfind('\n').map_or(0, |n| n + 1);
        let line = text[start..].split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        if offset - start > LONGEST {
            return None;
        }
        let line = &line[..line.floor_char_boundary(LONGEST + 200)];
        let number = 1 + text.as_bytes()[..start].iter().filter(|b| **b == b'\n').count();
        let from = (offset - start).min(line.len());
        let to = place.end.saturating_sub(start).clamp(from, line.len());
        let to = (to..=line.len()).find(|o| line.is_char_boundary(*o)).unwrap_or(line.len());
        Some(Excerpt { file, line, number, mark: from..to })
    }

    fn snippet<T: Clone>(&self) -> Snippet<'f, T> {
        Snippet::source(self.line).line_start(self.number).path(self.file.name.as_str())
    }
}

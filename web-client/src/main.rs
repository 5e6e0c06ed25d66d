//! Entry point of the browser app: the page's boot script loads this.

fn main() {
    mcmix_web::start();
}

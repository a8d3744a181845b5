# Rails: a page that shows which copy of the server answered. Save this as app/controllers/served_by_controller.rb, and in
# config/routes.rb add
#
#     get "served-by", to: "served_by#show"
#
# then open /served-by and reload.
class ServedByController < ActionController::Base
  def show
    # Not request.port: that is the one in the browser's address, which is the balancer's. Puma hides the port of its socket, so
    # this is what the worker was told to listen on.
    port = ENV["LBDEV_PORT"] || ENV.fetch("PORT", "3000")
    response.headers["Cache-Control"] = "no-store" # a reload asks again
    render html: "<h1>Served on port #{port.to_i}</h1>".html_safe
  end
end
